/**
 * Builds the dashboard in dashboard/dist/, which is never committed: its files, and each of them compressed. With --if-stale:
 * only where it is missing, or was built from other sources.
 */
import { createHash } from 'node:crypto'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { licensesOf } from './licenses.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = `${root}dashboard/dist/`
const fingerprintFile = `${folder}built-from`

const fingerprint = fingerprintOfSources()
if (!process.argv.includes('--if-stale') || fingerprint !== fingerprintOfBuilt()) {
  console.error('limpet: building the dashboard…')
  await build()
  writeFileSync(fingerprintFile, fingerprint)
}

async function build(): Promise<void> {
  const vite = await import('vite')
  const modules: string[] = []
  await vite.build({
    configFile: `${root}dashboard/vite.config.ts`,
    logLevel: 'warn',
    plugins: [{ name: 'modules', moduleParsed: ({ id }) => void modules.push(id) }],
  })
  for (const file of globSync('**/*.{html,js,css,svg}', { cwd: folder })) {
    const content = readFileSync(folder + file)
    writeFileSync(`${folder}${file}.br`, brotliCompressSync(content))
    writeFileSync(`${folder}${file}.gz`, gzipSync(content, { level: 9 }))
  }
  // The font is no module.
  const font = `${root}node_modules/@fontsource-variable/geist/`
  writeFileSync(`${folder}LICENSES`, licensesOf([...modules, font]))
}

/** Of all that the result is made from: its own files, and the versions of its libraries. */
function fingerprintOfSources(): string {
  const exclude = (path: string) => path === 'dashboard/dist'
  const files = globSync('dashboard/**/*.*', { cwd: root, exclude }).toSorted()
  const hash = createHash('sha256')
  for (const file of [...files, 'package-lock.json', 'scripts/build-dashboard.ts']) {
    hash.update(`${file}\0`).update(readFileSync(root + file))
  }
  return hash.digest('hex')
}

function fingerprintOfBuilt(): string | undefined {
  try {
    return readFileSync(fingerprintFile, 'utf8')
  } catch {
    return undefined
  }
}
