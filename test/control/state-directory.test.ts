/** What the program keeps on disk, and what it does where it cannot. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { StateDirectory } from '../../src/control/state/state-directory.ts'

function at(path: string) {
  const warnings: string[] = []
  return { warnings, directory: new StateDirectory(path, {}, (warning) => warnings.push(warning)) }
}

function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'limpet-state-'))
  test.after(() => rmSync(path, { recursive: true }))
  return path
}

describe('the secret', () => {
  test('is made once, in directories that are made for it, for the own user only', (t) => {
    const path = join(folder(t), 'state', 'limpet')
    const secret = at(path).directory.secret()
    assert.equal(at(path).directory.secret(), secret)
    assert.equal(statSync(path).mode & 0o777, 0o700)
    assert.equal(statSync(join(path, 'secret')).mode & 0o777, 0o600)
  })

  test('is there, with a warning, where a file stands in the way', (t) => {
    const path = join(folder(t), 'file')
    writeFileSync(path, '')
    const { directory, warnings } = at(path)
    assert.ok(directory.secret().length >= 16)
    assert.match(
      warnings.at(-1)!,
      /cannot write .*\/file\/secret: ENOTDIR.*\(give a directory that can be written as stateDirectory\)/,
    )
  })

  // Node's own mkdir never returns there, as super-user.
  test('is there, with a warning, where no directory can be made', { skip: process.platform !== 'linux' }, () => {
    const { directory, warnings } = at('/proc/limpet')
    assert.ok(directory.secret().length >= 16)
    assert.match(warnings.join(), /cannot write \/proc\/limpet\/secret/)
  })
})
