import type { ServerState } from '../balancing/server-state.ts'
import type { Notices } from '../observability/notices.ts'
import { now } from '../runtime/clock.ts'
import type { ControlHeaders } from './control-headers.ts'
import type { Failure } from './failure.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/** Records the result of one attempt on a server: failures and answers are counted, and the policy gets the time. */
export class ServerJudge {
  readonly #notices: Notices
  readonly #group: UpstreamGroup
  readonly #server: ServerState
  /** That of the server when the attempt was made. */
  readonly #incarnation: number
  readonly #begunAt: number
  /**
   * When the end of the request, or the latest part of it, was sent; undefined if the policy does not measure times.
   */
  #sentAt: number | undefined

  /** @param time when the attempt began */
  constructor(notices: Notices, group: UpstreamGroup, server: ServerState, time: number) {
    this.#notices = notices
    this.#group = group
    this.#server = server
    this.#incarnation = server.incarnation
    this.#begunAt = time
  }

  /** The request has been sent, as far as it has arrived. */
  requestSent(): void {
    if (this.#group.policy.answered !== undefined) this.#sentAt = now()
  }

  /** @param isGood whether the answer says nothing against the server */
  answered(isGood: boolean): void {
    if (!this.#isThere) return
    this.#succeeded()
    this.#countAnswer(isGood)
    this.#tellPolicy(isGood)
  }

  /** The server has switched protocols. */
  switched(): void {
    if (!this.#isThere) return
    this.#succeeded()
    this.#countAnswer(true)
  }

  /** Reports what the server says to Limpet. */
  said({ wish, unknown }: ControlHeaders): void {
    if (!this.#isThere) return
    const { name } = this.#group.settings
    if (wish !== undefined) this.#notices.serverAsks(name, this.#server.settings.name, wish)
    if (unknown !== undefined) this.#notices.headerUnknown(name, this.#server.settings.name, unknown)
  }

  /**
   * Whether a failure says only that the server ends or starts, so that the request may wait for it, and the failure counts against
   * neither.
   */
  excuses({ code, retry }: Failure): boolean {
    if (retry !== 'always') return false
    const time = now()
    const isGone = code === 'connect-failed' && !this.#group.isAnyUp(time, this.#server)
    return this.#server.expectBack(time, this.#incarnation, isGone)
  }

  /**
   * Counts a failure against the server, if the server is to blame.
   *
   * @param traceId that of the request, if its trace is followed
   */
  blame(failure: Failure, responseBegun: boolean, traceId?: string): void {
    if (failure.blame === 'nobody' || failure.incident?.count() === false) return
    if (failure.code === 'tls-failed')
      this.#notices.tlsFailed(this.#group.settings.name, this.#server.settings.name, failure.detail)
    if (failure.blame !== 'answer' && this.#server.failed(now(), this.#incarnation))
      this.#reportSuspension(failure, traceId)
    if ((responseBegun && failure.blame !== 'answer') || !this.#isThere) return
    this.#countAnswer(false)
    this.#tellPolicy(false)
  }

  /** Whether the server is still the one on which the attempt was made, so that the attempt says anything of it. */
  get #isThere(): boolean {
    return !this.#server.isRemoved && this.#server.incarnation === this.#incarnation
  }

  #succeeded(): void {
    if (!this.#server.succeeded(undefined, this.#begunAt)) return
    const { name: server } = this.#server.settings
    this.#notices.report({ type: 'server-resumed', upstream: this.#group.settings.name, server })
  }

  #countAnswer(isGood: boolean): void {
    const { settings, badInRowLimit } = this.#group
    const badInRow = this.#server.answered(isGood)
    if (badInRow === 0 || badInRow % badInRowLimit !== 0) return
    const { name: server } = this.#server.settings
    this.#notices.report({ type: 'server-erring', upstream: settings.name, server, badInRow })
  }

  #tellPolicy(isGood: boolean): void {
    const { policy } = this.#group
    if (policy.answered === undefined) return
    const time = now()
    policy.answered(this.#server, time - (this.#sentAt ?? this.#begunAt), isGood, time)
  }

  #reportSuspension({ code, detail }: Failure, traceId: string | undefined): void {
    const { name: server, failTimeout: ms } = this.#server.settings
    const cause = detail === '' ? code : `${code}: ${detail}`
    const { name: upstream } = this.#group.settings
    this.#notices.report({ type: 'server-suspended', upstream, server, ms, cause, traceId })
  }
}
