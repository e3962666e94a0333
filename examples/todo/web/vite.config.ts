// The page's build. `npm run dev` serves it beside the app, which is at DEEDS_URL or on port 8080.

import { defineConfig, loadEnv } from "vite";

export default defineConfig(({ mode }) => {
  const target = loadEnv(mode, ".", "DEEDS_").DEEDS_URL ?? "http://127.0.0.1:8080";
  return {
    // The SDK brings a React of its own for its tests; the page has one.
    resolve: { dedupe: ["react", "react-dom"] },
    // Everything is in files, so that the policy of the page can forbid the rest.
    build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
    server: { proxy: { "/v1": { target, ws: true } } },
  };
});
