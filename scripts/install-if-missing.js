// Runs before `npm start` and `npm test`, under whatever Node bootstraps: a fresh clone installs itself.
// Plain JavaScript on purpose, since that Node may be too old to strip types.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const installed = ['node_modules/.package-lock.json', 'node_modules/node/bin/node']
if (!installed.every((file) => existsSync(root + file))) {
  console.error('limpet: first run, installing the dependencies (npm ci)…')
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root, stdio: 'inherit' })
}
