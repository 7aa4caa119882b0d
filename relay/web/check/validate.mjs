/** `node check/validate.mjs FILE`: prints the report of Khronos' glTF validator as JSON. */
import { readFile } from 'node:fs/promises';
import { validateBytes } from 'gltf-validator';

const report = await validateBytes(new Uint8Array(await readFile(process.argv[2])), { maxIssues: 50 });
console.log(JSON.stringify({ issues: report.issues, info: report.info }));
