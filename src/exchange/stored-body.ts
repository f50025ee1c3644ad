import type { MemoryBudget } from '../transport/memory-budget.ts'
import { Pages } from '../transport/pages.ts'
import { SpillFile, type SpillUser } from '../transport/spill-file.ts'
import { Failure } from './failure.ts'
import { isShort, type RequestBody, type RequestBodyUser, type RequestReplay } from './request-body.ts'

/** How much is read from the disk at a time, in bytes. */
const PIECE = 64 * 1024

/** How much of a body may be kept, in bytes. */
export interface BodyStorage {
  readonly memory: number
  /** What does not fit in memory. */
  readonly disk: number
}

/** The exchange whose request's body is stored. */
export interface StoredBodyUser {
  /** More can be taken, or all of it is here. */
  bodyStored(): void
  /** The body cannot be kept, or not be read any more. */
  storageFailed(error: NodeJS.ErrnoException): void
}

/**
 * A body that is read to its end before a server is picked: in memory up to a size, and on disk beyond it. Then its length is known, and
 * each attempt gets it from the beginning.
 */
export class StoredBody implements RequestBody, SpillUser {
  readonly isHeldBack = false
  readonly isKept = true
  /** The beginning. */
  readonly pages = new Pages()
  /** The rest; undefined for none. */
  file: SpillFile | undefined
  readonly user: StoredBodyUser
  readonly #storage: BodyStorage
  readonly #budget: MemoryBudget
  #failure: Failure | undefined
  #hasEnded = false

  constructor(user: StoredBodyUser, storage: BodyStorage, budget: MemoryBudget) {
    this.user = user
    this.#storage = storage
    this.#budget = budget
  }

  /** Its length, once it is whole. */
  get framing(): number {
    return this.pages.length + (this.file?.length ?? 0)
  }

  // ── what the client sends ──────────────────────────────────────────────────────────────────────────────────────

  get isGathered(): boolean {
    return this.#hasEnded && (this.file === undefined || this.file.pending === 0)
  }

  get isFull(): boolean {
    return this.file?.isBehind === true
  }

  gather(bytes: Buffer, from: number, to: number): void {
    const { memory, disk } = this.#storage
    if (this.#failure !== undefined) return
    if (this.framing + to - from > memory + disk) {
      this.#failure = new Failure('body-too-large')
      return
    }
    const rest = this.file === undefined ? this.#keep(bytes, from, to) : from
    if (rest === to) return
    if (disk === 0) {
      this.#failure = new Failure('storage-failed', 'the memory for bodies is used up')
      return
    }
    // If the memory is used up, the disk takes what would have been there.
    this.file ??= new SpillFile(memory + disk, this)
    this.file.append(bytes, rest, to)
  }

  /** Keeps in memory what fits there; returns where the rest begins. */
  #keep(bytes: Buffer, from: number, to: number): number {
    const size = Math.min(to - from, this.#storage.memory - this.pages.length)
    if (this.#budget.isUsedUp) return from
    this.#budget.take(size)
    this.pages.add(bytes, from, from + size)
    return from + size
  }

  end(): void {
    this.#hasEnded = true
  }

  flush(): Failure | undefined {
    this.file?.flush()
    return this.#failure
  }

  spilled(): void {
    this.user.bodyStored()
  }

  spillFailed(error: NodeJS.ErrnoException): void {
    this.user.storageFailed(error)
  }

  // ── what an attempt gets ───────────────────────────────────────────────────────────────────────────────────────

  get goesWithHead(): boolean {
    return this.file === undefined && isShort(this.pages.length)
  }

  get bytes(): Buffer | undefined {
    if (!this.goesWithHead || this.pages.length === 0) return undefined
    const pages: Buffer[] = []
    for (let page = this.pages.at(0); page !== undefined; page = this.pages.at(pages.length)) pages.push(page)
    return pages.length === 1 ? pages[0] : Buffer.concat(pages)
  }

  letGo(): void {}

  replay(user: RequestBodyUser): RequestReplay {
    return new StoredBodyReplay(this, user)
  }

  close(): void {
    this.#budget.giveBack(this.pages.length)
    this.pages.clear()
    this.file?.close()
  }
}

/** Hands over a stored body to one attempt, as fast as that takes it. */
class StoredBodyReplay implements RequestReplay {
  readonly #body: StoredBody
  readonly #user: RequestBodyUser
  /** The next page, and the offset in the file of what comes after all pages. */
  #page = 0
  #offset = 0
  #isWanted = false
  #isHandingOver = false
  #isReading = false
  #isOver = false

  constructor(body: StoredBody, user: RequestBodyUser) {
    this.#body = body
    this.#user = user
  }

  wantBody(): void {
    this.#isWanted = true
    this.#advance()
  }

  holdBody(): void {
    this.#isWanted = false
  }

  cancel(): void {
    this.#isOver = true
  }

  get #goesOn(): boolean {
    return this.#isWanted && !this.#isOver
  }

  #advance(): void {
    if (this.#isHandingOver) return
    this.#isHandingOver = true
    const { pages } = this.#body
    for (let page = pages.at(this.#page); page !== undefined && this.#goesOn; page = pages.at(this.#page)) {
      this.#page++
      this.#handOver(page)
    }
    this.#isHandingOver = false
    if (this.#goesOn) this.#read()
  }

  #handOver(bytes: Buffer): void {
    const { pages, file } = this.#body
    this.#user.requestBytes(bytes, 0, bytes.length)
    if (pages.at(this.#page) === undefined && this.#offset === (file?.length ?? 0)) {
      this.#isOver = true
      this.#user.requestEnded()
    }
    this.#user.flushRequest()
  }

  #read(): void {
    if (this.#isReading) return
    this.#isReading = true
    this.#body.file!.read(this.#offset, PIECE).then(
      (bytes) => {
        this.#isReading = false
        if (!this.#goesOn) return
        this.#offset += bytes.length
        this.#handOver(bytes)
        if (this.#goesOn) this.#read()
      },
      (error) => {
        if (!this.#isOver) this.#body.user.storageFailed(error)
      },
    )
  }
}
