import type { KnownId } from '../../runtime/known-id.ts'
import type { Upstream } from '../../runtime/snapshot.ts'
import { type InquiryOwner, ServerInquiry } from './server-inquiry.ts'

/** Asks servers that drain whether their learnt sessions are alive, where the configuration names a path for that. */
export class SessionQuestions {
  readonly #owner: InquiryOwner
  /** By server slot and path. */
  #inquiries: ReadonlyMap<string, ServerInquiry> = new Map()
  /** By server slot. */
  #bySlot: ReadonlyMap<number, ServerInquiry> = new Map()

  constructor(owner: InquiryOwner) {
    this.#owner = owner
  }

  /** Asks the servers that drain in these upstreams from now on, and no others. */
  apply(upstreams: readonly Upstream[]): void {
    const before = this.#inquiries
    const inquiries = new Map<string, ServerInquiry>()
    const bySlot = new Map<number, ServerInquiry>()
    for (const upstream of upstreams) {
      const path = upstream.affinity?.type === 'learn' ? upstream.affinity.ask : undefined
      if (path === undefined) continue
      for (const server of upstream.servers) {
        if (!server.drain) continue
        const key = `${server.slot} ${path}`
        const inquiry = before.get(key) ?? new ServerInquiry(this.#owner, path, upstream, server)
        inquiry.apply(upstream, server)
        inquiries.set(key, inquiry)
        bySlot.set(server.slot, inquiry)
      }
    }
    this.#inquiries = inquiries
    this.#bySlot = bySlot
    for (const [key, inquiry] of before) if (!inquiries.has(key)) inquiry.stop()
  }

  /** Ids of some sessions on the server in that slot, which a worker has seen. */
  hear(server: number, ids: readonly KnownId[]): void {
    this.#bySlot.get(server)?.add(ids)
  }

  close(): void {
    this.apply([])
  }
}
