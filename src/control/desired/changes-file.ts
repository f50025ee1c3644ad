import { validate } from '../../config/validate.ts'
import type { StateDirectory } from '../state/state-directory.ts'
import { NO_CHANGES, OperatorChanges } from './operator-changes.ts'

/**
 * Keeps the operator's changes in the state directory: one file for each instance, replaced entirely or not at all, and
 * on the disk before a change takes effect.
 */
export class ChangesFile {
  readonly #directory: StateDirectory
  readonly #name: string
  #isWritten = false

  constructor(directory: StateDirectory, instance: string) {
    this.#directory = directory
    this.#name = `changes-${instance}.json`
  }

  get path(): string {
    return this.#directory.pathOf(this.#name)
  }

  /** The changes that were saved last; none if there is no file. A file that cannot be understood is put aside. */
  read(): OperatorChanges {
    const bytes = this.#directory.read(this.#name)
    if (bytes === undefined) return NO_CHANGES
    this.#isWritten = true
    const changes = parse(bytes.toString())
    if (changes !== undefined) return changes
    this.#directory.putAside(this.#name)
    return NO_CHANGES
  }

  /**
   * Resolves once the changes would survive a power cut.
   *
   * @throws the system's error, if they cannot be saved; then what was saved before is still there
   */
  async write(changes: OperatorChanges): Promise<void> {
    if (!this.#isWritten && Object.keys(changes.upstreams).length === 0 && changes.config === undefined) return
    await this.#directory.writeDurably(this.#name, Buffer.from(`${JSON.stringify({ version: 1, changes })}\n`))
    this.#isWritten = true
  }
}

function parse(text: string): OperatorChanges | undefined {
  try {
    const { version, changes } = JSON.parse(text)
    const outcome = version === 1 ? validate(OperatorChanges, changes) : undefined
    return outcome !== undefined && 'value' in outcome ? outcome.value : undefined
  } catch {
    return undefined
  }
}
