// Runs before `npm start` and `npm test` with any installed Node, and installs the dependencies of a fresh clone.
// Plain JavaScript, because that Node may be too old to strip types.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const installed = ['node_modules/.package-lock.json', 'node_modules/node/bin/node']
if (!installed.every((file) => existsSync(root + file))) {
  console.error('limpet: first run, installing the dependencies (npm ci)…')
  const options = ['--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', ['ci', ...options], { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) {
    console.error('limpet: npm ci failed; see its output above.')
    process.exit(1)
  }
}
