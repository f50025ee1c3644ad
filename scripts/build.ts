/**
 * Builds the npm package in dist/, or in the folder that is named: the program and its libraries as a few JavaScript files, which
 * load much faster than hundreds, and the files that they read. The dashboard is built before (build-dashboard.ts).
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { httpWithoutUndici } from './http-without-undici.ts'
import { licensesOf } from './licenses.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = process.argv[2] ?? `${root}dist`
const { optionalDependencies, peerDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

rmSync(dist, { recursive: true, force: true })
const { output } = await build({
  cwd: root,
  platform: 'node',
  plugins: [httpWithoutUndici],
  input: Object.fromEntries(
    [
      'src/cli',
      'src/worker/main',
      'src/control/workers/activation/copier',
      'src/filters/basic-auth/password-thread',
      'demo/static/main',
      'demo/dynamic/main',
      'demo/chat/main',
      'demo/traffic/main',
    ].map((entry) => [entry, `${entry}.ts`]),
  ),
  external: Object.keys({ ...optionalDependencies, ...peerDependencies }).map((name) => new RegExp(`^${name}(?:/|$)`)),
  // All chunks are as deep as src/program-files.ts, whose relative paths must stay valid.
  output: { dir: dist, entryFileNames: '[name].js', chunkFileNames: 'src/[name].js' },
})
cpSync(`${root}demo/static/public`, `${dist}/demo/static/public`, { recursive: true })
cpSync(`${root}dashboard/dist`, `${dist}/dashboard`, { recursive: true })
cpSync(`${root}package.json`, `${dist}/package.json`)
writeFileSync(`${dist}/LICENSES`, licensesOf(output.flatMap((part) => ('moduleIds' in part ? part.moduleIds : []))))
