// Bundles the page into one script and one style sheet: node build.mjs [OUTPUT FOLDER]
import {build} from 'esbuild';
import {copyFileSync, mkdirSync} from 'node:fs';

const folder = process.argv[2] ?? 'dist';
mkdirSync(folder, {recursive: true});
await build({
  entryPoints: ['src/app.jsx'],
  bundle: true,
  minify: true,
  outdir: folder,
  target: 'es2020',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'inline',
});
copyFileSync('src/index.html', `${folder}/index.html`);
