// The core is small: at most 15 kB compressed, with nothing of anybody else's in it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const LIMIT = 15_000;

test("the core is at most 15 kB compressed, and depends on nothing", async () => {
  const built = await build({
    entryPoints: ["dist/src/index.js"],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    metafile: true,
  });
  const bytes = gzipSync(built.outputFiles[0]!.contents).length;
  console.log(`core: ${bytes} bytes compressed`);
  assert.ok(bytes <= LIMIT, `${bytes} bytes`);
  const inputs = Object.keys(built.metafile.inputs);
  assert.deepEqual(
    inputs.filter((input) => input.includes("node_modules")),
    [],
  );
});
