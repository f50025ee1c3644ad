import type { Filter } from '../exchange/filter.ts'
import type { FilteredRequest } from '../exchange/filtered-request.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { BodyStage, ResponseSink } from '../exchange/response-sink.ts'
import type { Coding, CompressSettings } from '../runtime/filter-settings.ts'
import { acceptedCoding } from './compress/accepted-coding.ts'
import { CompressStage } from './compress/compress-stage.ts'
import { SHORT, ShortBodies } from './compress/short-bodies.ts'
import { ShortBodyStage } from './compress/short-body-stage.ts'

/** How many bodies a worker compresses at the same time: each takes memory. Others pass as they are. */
const MOST = 256

/** How many media types a forecast names. */
const MOST_NAMED = 2

/** Statuses whose responses have no body, or only a part of one. */
const without: readonly number[] = [204, 205, 206, 304]

/** What says something of the body as it was. */
const OF_ORIGINAL = ['Accept-Ranges', 'Content-Digest', 'Content-MD5', 'Digest', 'Repr-Digest'] as const

/** Compresses the bodies of answers for clients that accept it (RFC 9110 §8.4). */
export class Compress implements Filter {
  readonly name = 'compress'
  readonly #settings: CompressSettings
  readonly #shortBodies: ShortBodies
  #running = 0

  constructor(settings: CompressSettings) {
    this.#settings = settings
    this.#shortBodies = new ShortBodies(settings.level)
  }

  stage(response: FilteredResponse, next: ResponseSink): BodyStage | undefined {
    const { edits, request } = response
    // Messages of gRPC have a compression of their own.
    if (request.received.isGrpc || !this.#isEligible(response)) return undefined
    if (!response.values('vary').some((value) => /\*|accept-encoding/i.test(value)))
      edits.add('Vary', 'Accept-Encoding')
    const coding = this.#codingFor(request)
    if (coding === undefined || this.#running >= MOST) return undefined
    this.#changeHead(response, coding)
    request.note(this.name, coding)
    this.#running++
    const over = () => this.#running--
    const length = Number(response.header('content-length') ?? -1)
    const isToHead = request.method === 'HEAD'
    if (coding === 'gzip' && length > 0 && length <= SHORT && !isToHead)
      return new ShortBodyStage(next, this.#shortBodies, over)
    return new CompressStage(next, { coding, level: this.#settings.level, isStream: length < 0, isToHead }, over)
  }

  close(): void {
    this.#shortBodies.close()
  }

  forecast(request: FilteredRequest): string {
    const { codings, types, from } = this.#settings
    const coding = this.#codingFor(request)
    if (coding === undefined) return `is not compressed: the client accepts none of ${codings.join(', ')}`
    const [some, more] = [types.slice(0, MOST_NAMED), types.length - MOST_NAMED]
    const kinds = more > 0 ? `${some.join(', ')} or one of ${more} more types` : some.join(', ')
    return `is compressed by ${coding} if it is ${kinds}, from ${from} bytes on`
  }

  #codingFor(request: FilteredRequest): Coding | undefined {
    // What the client has sent, whatever servers get of it: filters may have it removed, so that servers do not compress.
    const accepted = request.sentHeader('accept-encoding')
    return accepted === undefined ? undefined : acceptedCoding(accepted, this.#settings.codings)
  }

  #isEligible(response: FilteredResponse): boolean {
    if (without.includes(response.status)) return false
    if (response.header('content-encoding') !== undefined) return false
    if (response.values('cache-control').some((value) => /no-transform/i.test(value))) return false
    const length = response.header('content-length')
    if (length !== undefined && Number(length) < Math.max(1, this.#settings.from)) return false
    const [type = ''] = (response.header('content-type') ?? '').toLowerCase().split(';', 1)
    return this.#settings.types.some((each) => isOfType(type.trim(), each))
  }

  /** A compressed body is another representation: its ETag cannot be a strong one of the original (RFC 9110 §8.8.1). */
  #changeHead(response: FilteredResponse, coding: string): void {
    const { edits } = response
    edits.set('Content-Encoding', coding)
    for (const name of OF_ORIGINAL) edits.remove(name)
    // Where there is no body to be framed, it would say the length of the original (RFC 9110 §8.6).
    if (response.request.method === 'HEAD') edits.remove('Content-Length')
    const tag = response.header('etag')
    if (tag !== undefined && !tag.startsWith('W/')) edits.set('ETag', `W/${tag}`)
  }
}

function isOfType(type: string, wanted: string): boolean {
  return wanted.endsWith('/*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted
}
