import { randomBytes } from 'node:crypto'
import { loadConfig } from '../config/load.ts'
import { compile } from '../control/compile.ts'
import { SlotBook } from '../control/slots/slot-book.ts'
import { StateDirectory } from '../control/state/state-directory.ts'
import type { Snapshot } from '../runtime/snapshot.ts'

/**
 * The Snapshot that a configuration file describes, or that of the working directory, for commands by which nothing is served.
 * Secrets that are not in it are those of this machine where they can be read. Throws ConfigError.
 */
export function snapshotOfFile(file: string | undefined, slots = new SlotBook()): Snapshot {
  const { config } = loadConfig({ file, env: process.env, cwd: process.cwd() })
  const state = new StateDirectory(config.stateDirectory, process.env, () => {})
  const secret = state.holds('secret') ? () => state.secret() : () => standIn
  return compile(config, 1, slots, secret)
}

/** Stands in where the machine's own cannot be read. */
const standIn = randomBytes(32).toString('base64url')
