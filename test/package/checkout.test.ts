/** A checkout that nobody has installed yet. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('a checkout that is not installed says what installs it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-checkout-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const part of ['bin', 'package.json']) cpSync(join(root, part), join(folder, part), { recursive: true })
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src/cli.ts'), '')
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'bin/limpet.js'), 'run'], { encoding: 'utf8' })
  assert.deepEqual(
    [status, stderr],
    [1, 'limpet: this checkout is not installed yet; npm ci does it, and so do npm start and npm test.\n'],
  )
})
