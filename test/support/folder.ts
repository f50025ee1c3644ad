import { mkdtempSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext } from 'node:test'

/** Makes a folder for a test. Its path is short, because the path of a Unix socket must be. */
export async function temporaryFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-'))
  // A Limpet that is still stopping may write to it at the same time.
  test.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }))
  return folder
}

/** Makes a folder for all tests of a file, which declare their configurations before any of them runs. */
export function folderOfTests(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-'))
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  return folder
}
