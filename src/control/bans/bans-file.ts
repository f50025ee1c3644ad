import { z } from 'zod'
import { validate } from '../../config/validate.ts'
import type { StateDirectory } from '../state/state-directory.ts'
import { KeptBan } from './kept-ban.ts'

const Content = z.strictObject({ version: z.literal(1), bans: z.array(KeptBan) })

/** Keeps bans in the state directory: one file for each instance, on the disk before a ban takes effect. */
export class BansFile {
  readonly #directory: StateDirectory
  readonly #name: string

  constructor(directory: StateDirectory, instance: string) {
    this.#directory = directory
    this.#name = `bans-${instance}.json`
  }

  get path(): string {
    return this.#directory.pathOf(this.#name)
  }

  /** Those of the bans saved last that are not over; none if there is no file. A file that cannot be understood is put aside. */
  read(): readonly KeptBan[] {
    const bytes = this.#directory.read(this.#name)
    if (bytes === undefined) return []
    const bans = parse(bytes.toString())
    if (bans === undefined) this.#directory.putAside(this.#name)
    return (bans ?? []).filter(({ until }) => until > Date.now())
  }

  /**
   * Resolves once the bans would survive a power cut.
   *
   * @throws the system's error, if they cannot be saved; then what was saved before is still there
   */
  async write(bans: readonly KeptBan[]): Promise<void> {
    const content = z.encode(Content, { version: 1, bans: [...bans] })
    await this.#directory.writeDurably(this.#name, Buffer.from(`${JSON.stringify(content)}\n`))
  }
}

function parse(text: string): readonly KeptBan[] | undefined {
  try {
    const outcome = validate(Content, JSON.parse(text))
    return 'value' in outcome ? outcome.value.bans : undefined
  } catch {
    return undefined
  }
}
