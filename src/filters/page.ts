import type { WorkerContext } from '../exchange/worker-context.ts'
import type { PageBody } from '../runtime/filter-settings.ts'
import type { PageFile } from '../runtime/page-file.ts'

/** What a filter answers with: always the same bytes, or what a file holds now. */
export class Page {
  readonly #file: string | undefined
  readonly #context: WorkerContext
  #bytes: Buffer
  /** The pages of the Snapshot that was looked at last. */
  #pages: readonly PageFile[] | undefined

  constructor(body: PageBody, context: WorkerContext) {
    this.#file = 'file' in body ? body.file : undefined
    this.#bytes = 'file' in body ? Buffer.alloc(0) : bufferOf(body)
    this.#context = context
  }

  /** They never change: a page that does has others. */
  get bytes(): Buffer {
    if (this.#file !== undefined) this.#look(this.#file)
    return this.#bytes
  }

  /** A request in flight may need a file that the newest configuration no longer names: it gets what that held last. */
  #look(file: string): void {
    const { pages } = this.#context.generation.snapshot
    if (pages === this.#pages) return
    this.#pages = pages
    const page = pages?.find(({ name }) => name === file)
    if (page !== undefined) this.#bytes = bufferOf(page.bytes)
  }
}

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length)
}
