import type { TestContext } from 'node:test'

/** Has temporary files of this process made in that folder until the test ends. */
export function useTemporaryFolder(test: TestContext, folder: string): void {
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  test.after(() => {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  })
}
