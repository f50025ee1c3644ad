/**
 * Builds the npm package in dist/, or in the folder that is named: the program and its libraries as a few JavaScript files,
 * which load much faster than hundreds, and the files that they read.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = process.argv[2] ?? `${root}dist`
const { optionalDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

rmSync(dist, { recursive: true, force: true })
const { output } = await build({
  cwd: root,
  platform: 'node',
  input: Object.fromEntries(
    [
      'src/cli',
      'src/worker/main',
      'src/control/workers/activation/copier',
      'demo/static/main',
      'demo/dynamic/main',
    ].map((entry) => [entry, `${entry}.ts`]),
  ),
  external: Object.keys(optionalDependencies).map((name) => new RegExp(`^${name}(?:/|$)`)),
  // All chunks are as deep as src/program-files.ts, whose relative paths must stay valid.
  output: { dir: dist, entryFileNames: '[name].js', chunkFileNames: 'src/[name].js' },
})
cpSync(`${root}demo/static/public`, `${dist}/demo/static/public`, { recursive: true })
cpSync(`${root}package.json`, `${dist}/package.json`)
writeFileSync(`${dist}/LICENSES`, licensesOf(output.flatMap((part) => ('moduleIds' in part ? part.moduleIds : []))))

/** The licenses of the libraries that contain these modules. They must be distributed with the code. */
function licensesOf(modules: readonly string[]): string {
  const folders = modules.flatMap((module) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module)?.[0] ?? [])
  return [...new Set(folders)].toSorted().map(licenseOf).join('\n\n')
}

function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  return `${name} ${version}\n\n${file === undefined ? license : readFileSync(`${folder}/${file}`, 'utf8')}`
}
