/** The agent's address: the dialect of the dg_react_agent component. */
export const AGENT_URL = "ws://127.0.0.1:8080/openai";
