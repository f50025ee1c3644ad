/**
 * Makes what npm publishes, in dist/: the program as a few files of JavaScript with its libraries in them, which load in a
 * fraction of the time that hundreds take, and what it reads beside them.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const { optionalDependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

rmSync(`${root}dist`, { recursive: true, force: true })
const { output } = await build({
  cwd: root,
  platform: 'node',
  input: Object.fromEntries(
    ['src/cli', 'src/worker/main', 'demo/static/main', 'demo/dynamic/main'].map((entry) => [entry, `${entry}.ts`]),
  ),
  external: Object.keys(optionalDependencies).map((name) => new RegExp(`^${name}(?:/|$)`)),
  // Every part of src/ lies as deep as src/program-files.ts does, which says where the rest is.
  output: { dir: 'dist', entryFileNames: '[name].js', chunkFileNames: 'src/[name].js' },
})
cpSync(`${root}demo/static/public`, `${root}dist/demo/static/public`, { recursive: true })
cpSync(`${root}package.json`, `${root}dist/package.json`)
writeFileSync(`${root}dist/LICENSES`, licensesOf(output.flatMap((part) => ('moduleIds' in part ? part.moduleIds : []))))

/** The licenses of the libraries that these modules belong to, which want to go with them. */
function licensesOf(modules: readonly string[]): string {
  const folders = modules.flatMap((module) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module)?.[0] ?? [])
  return [...new Set(folders)].toSorted().map(licenseOf).join('\n\n')
}

function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  return `${name} ${version}\n\n${file === undefined ? license : readFileSync(`${folder}/${file}`, 'utf8')}`
}
