/**
 * Builds the dashboard in dashboard/dist/, which is never committed. With --if-stale: only where it is missing, or was built
 * from other sources.
 */
import { createHash } from 'node:crypto'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const fingerprintFile = join(root, 'dashboard/dist/built-from')

const fingerprint = fingerprintOfSources()
if (!process.argv.includes('--if-stale') || fingerprint !== fingerprintOfBuilt()) {
  console.error('limpet: building the dashboard…')
  const { build } = await import('vite')
  await build({ configFile: join(root, 'dashboard/vite.config.ts'), logLevel: 'warn' })
  writeFileSync(fingerprintFile, fingerprint)
}

/** Of all that the result is made from: its own files, and the versions of its libraries. */
function fingerprintOfSources(): string {
  const exclude = (path: string) => path === 'dashboard/dist'
  const files = globSync('dashboard/**/*.*', { cwd: root, exclude }).toSorted()
  const hash = createHash('sha256')
  for (const file of [...files, 'package-lock.json']) hash.update(`${file}\0`).update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

function fingerprintOfBuilt(): string | undefined {
  try {
    return readFileSync(fingerprintFile, 'utf8')
  } catch {
    return undefined
  }
}
