import { dirname } from 'node:path'
import type { TestContext } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { compile } from '../../src/control/compile.ts'
import { SlotBook } from '../../src/control/slot-book.ts'
import type { Snapshot } from '../../src/runtime/snapshot.ts'
import { configFile } from './limpet.ts'

/** The Snapshot of a configuration, as the control plane makes it of a file. */
export async function snapshotOf(test: TestContext, config: unknown): Promise<Snapshot> {
  const file = await configFile(test, config)
  const { config: loaded } = loadConfig({ file, env: {}, cwd: dirname(file) })
  return compile(loaded, 1, new SlotBook(), () => 'a secret of at least thirty-two characters')
}
