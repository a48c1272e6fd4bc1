/** The agent's address. Elsewhere than on one machine it begins with wss://. */
export const AGENT_URL = "ws://127.0.0.1:8080/openai";

/** Where the page's own backend gives it a token, such as "/token"; empty where the proxy asks for no credentials. */
export const TOKEN_URL = "";

/** What the agent is told to be. With a token, the backend decides. */
export const PROMPT = "You are a guide to Lisbon. Be brief.";
