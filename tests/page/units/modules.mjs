// Has Node take the page's files for modules, as browsers do: it goes by a package.json, which the page does not need.

import { register } from "node:module";

const HOOKS = `
  export function load(url, context, next) {
    return next(url, url.includes("/inspector/page/") ? { ...context, format: "module" } : context);
  }
`;

register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);
