import type { ServerState } from '../balancing/server-state.ts'
import type { Lifetime } from '../forwarding/client-origin.ts'
import { RequestEdits } from '../forwarding/head-edits.ts'
import type { BodyForm } from '../http1/body-decoder.ts'
import type { ConnectionOptions } from '../http1/connection-options.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { CopyOutcome } from '../observability/exchange-record.ts'
import { now } from '../runtime/clock.ts'
import { Attempt } from './attempt.ts'
import type { AttemptOwner } from './attempt-owner.ts'
import { BodyCopy } from './body-copy.ts'
import { type Call, CallDeadline } from './call-deadline.ts'
import type { Failure } from './failure.ts'
import type { FilteredRequest, RequestFollower } from './filtered-request.ts'
import { NoClient } from './no-client.ts'
import { PassingBody } from './passing-body.ts'
import type { ReceivedRequest } from './received-request.ts'
import type { UpstreamGroup } from './upstream-group.ts'
import type { WorkerContext } from './worker-context.ts'

/** What servers know a copy by. */
const MARK = 'X-Limpet-Mirror'

/**
 * A copy of a request for another upstream, which may answer what it likes. It is sent once the request itself has been, in a later turn of the
 * event loop, and nothing of it reaches the client or its exchange. It is tried once, on a server that has room for it, and belongs to no
 * session.
 */
export class RequestCopy implements RequestFollower, AttemptOwner, Call, Lifetime {
  readonly context: WorkerContext
  readonly downstream: NoClient
  /** Whole once the copy is sent. */
  body: PassingBody
  edits: RequestEdits
  readonly route = undefined
  readonly responseEdits = undefined
  readonly trace = undefined
  readonly failure = undefined
  readonly grpcStatus = undefined
  readonly attempts = 1
  /** Of its own once the copy is sent. */
  request: ReceivedRequest
  readonly #original: FilteredRequest
  readonly #group: UpstreamGroup
  readonly #timeout: number
  readonly #leave: () => void
  readonly #received: BodyCopy
  #isSent = false
  #isOver = false
  #attempt: Attempt | undefined
  #deadline: CallDeadline | undefined
  readonly #atEnd: (() => void)[] = []

  /**
   * @param most the longest body that is copied, in bytes
   * @param timeout how long the copy may take, in ms
   * @param leave called when it is over
   */
  constructor(
    context: WorkerContext,
    original: FilteredRequest,
    group: UpstreamGroup,
    most: number,
    timeout: number,
    leave: () => void,
  ) {
    const { address, peer, isSecure, port, believed, ends } = original.origin
    this.context = context
    this.request = original.received
    this.body = PassingBody.of(original.received)
    this.edits = original.edits
    // The client's connection may be closed before the copy is over.
    this.downstream = new NoClient({ address, peer, isSecure, port, believed, ends, connection: this })
    this.#original = original
    this.#group = group
    this.#timeout = timeout
    this.#leave = leave
    this.#received = new BodyCopy(most, context.generation.snapshot.limits)
  }

  atEnd(act: () => void): void {
    this.#atEnd.push(act)
  }

  // ── the request ────────────────────────────────────────────────────────────────────────────────────────────────

  bodyBytes(bytes: Buffer, from: number, to: number, form: BodyForm): void {
    if (this.#isOver || this.#isSent) return
    this.#received.add(bytes, from, to, form)
    if (this.#received.isTooLong) this.#end('dropped')
  }

  requestSent(): void {
    if (this.#isOver || this.#isSent) return
    this.#isSent = true
    const { received, origin, path } = this.#original
    const head = this.context.headOf(received)
    const key = this.context.show(head, origin, path, this.#original).key(this.#group.settings.balance)
    const bytes = Buffer.from(head.bytes.subarray(head.start, head.end))
    setImmediate(() => this.#begin(bytes, key))
  }

  exchangeEnded(): void {
    if (!this.#isSent) this.#end(undefined)
  }

  #begin(head: Buffer, key: Uint8Array): void {
    const { deadlines } = this.context
    const time = now()
    const server = this.#claim(key, time)
    if (server === undefined) return this.#end('dropped')
    const { bytes } = this.#received
    this.request = this.context.received(head, this.request, bytes.length)
    this.body = PassingBody.of(this.request)
    if (bytes.length > 0) this.body.gather(bytes, 0, bytes.length)
    this.edits = new RequestEdits(this.edits)
    this.edits.set(MARK, '1')
    this.#deadline = new CallDeadline(this)
    deadlines.set(this.#deadline, this.#timeout)
    this.#attempt = new Attempt(this, this.#group, server, time)
    this.#attempt.begin()
  }

  /** A server that nobody waits for. */
  #claim(key: Uint8Array, time: number): ServerState | undefined {
    const { isRetired, queue, policy } = this.#group
    return isRetired || queue.pause.isOn || !queue.isEmpty ? undefined : policy.pick(key, [], time)
  }

  // ── the attempt ────────────────────────────────────────────────────────────────────────────────────────────────

  get sink(): NoClient {
    return this.downstream
  }

  takes(): boolean {
    return true
  }

  answered(): string {
    return ''
  }

  optionsFor(_head: ResponseHead, options: ConnectionOptions): ConnectionOptions {
    return options
  }

  readerOf(): undefined {
    return undefined
  }

  callEnded(): void {}

  attemptComplete(): void {
    this.#end('answered')
  }

  attemptFailed(failure: Failure): void {
    // A server that gives no answer may do so because of the request, and no other server is asked.
    if (failure.blame !== 'suspect') this.#attempt!.blame()
    this.#end('failed')
  }

  attemptAborted(): void {
    this.#end('failed')
  }

  deadlinePassed(): void {
    this.#end('failed')
  }

  /** @param outcome undefined if the request itself was never sent */
  #end(outcome: CopyOutcome | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    const { observers, deadlines } = this.context
    if (this.#deadline !== undefined) deadlines.remove(this.#deadline)
    // Before the server is released, after which the upstream's slot may be returned.
    if (outcome !== undefined && (this.#attempt !== undefined || !this.#group.isRetired))
      for (const observer of observers) observer.copyEnded?.(this.#group.settings, outcome)
    this.#attempt?.end()
    for (const act of this.#atEnd) act()
    this.#leave()
  }
}
