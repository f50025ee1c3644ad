import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { temporaryFolder } from './folder.ts'

/** A list of servers in a file that can be replaced: a source of `from: file`. */
export class ListFile {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  static async with(test: TestContext, servers: readonly unknown[] | string): Promise<ListFile> {
    const file = new ListFile(join(await temporaryFolder(test), 'servers.yaml'))
    await file.write(servers)
    return file
  }

  async write(servers: readonly unknown[] | string): Promise<void> {
    await writeFile(`${this.path}.new`, typeof servers === 'string' ? servers : JSON.stringify({ servers }))
    await rename(`${this.path}.new`, this.path)
  }
}
