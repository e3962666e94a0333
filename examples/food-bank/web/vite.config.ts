// The pages' build. `npm run dev` serves them with a food bank that runs on port 8080.

import { defineConfig } from "vite";

const server = { target: "http://localhost:8080", ws: true };

export default defineConfig({
  // The SDK brings a React of its own for its tests; the pages have one.
  resolve: { dedupe: ["react", "react-dom"] },
  // Everything is in files, so that the policy of the pages can forbid the rest.
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  server: { proxy: { "/v1": server } },
});
