import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A folder of its own for a test, with a short path, since the path of a Unix socket may not be long. */
export async function temporaryFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-'))
  test.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
