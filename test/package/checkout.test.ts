/** A checkout without its dependencies. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('a checkout without dependencies says how to install them', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-checkout-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const part of ['bin', 'package.json']) cpSync(join(root, part), join(folder, part), { recursive: true })
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src/cli.ts'), '')
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'bin/limpet.js'), 'run'], { encoding: 'utf8' })
  assert.deepEqual(
    [status, stderr],
    [1, 'limpet: the dependencies of this checkout are not installed; run npm ci, npm start or npm test.\n'],
  )
})
