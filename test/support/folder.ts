import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** Makes a folder for a test. Its path is short, because the path of a Unix socket must be. */
export async function temporaryFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-'))
  // A Limpet that is still stopping may write to it at the same time.
  test.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }))
  return folder
}
