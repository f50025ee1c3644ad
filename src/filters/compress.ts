import type { Filter } from '../exchange/filter.ts'
import type { FilteredResponse } from '../exchange/filtered-response.ts'
import type { BodyStage, ResponseSink } from '../exchange/response-sink.ts'
import type { CompressSettings } from '../runtime/filter-settings.ts'
import { acceptedCoding } from './compress/accepted-coding.ts'
import { CompressStage } from './compress/compress-stage.ts'
import { SHORT, ShortBodies } from './compress/short-bodies.ts'
import { ShortBodyStage } from './compress/short-body-stage.ts'

/** How many bodies a worker compresses at the same time: each takes memory. Others pass as they are. */
const MOST = 256

/** Statuses whose responses have no body, or only a part of one. */
const without: readonly number[] = [204, 205, 206, 304]

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
    if (!this.#isEligible(response)) return undefined
    const { edits, request } = response
    if (!response.values('vary').some((value) => /\*|accept-encoding/i.test(value)))
      edits.add('Vary', 'Accept-Encoding')
    const accepted = request.header('accept-encoding')
    const coding = accepted === undefined ? undefined : acceptedCoding(accepted, this.#settings.codings)
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

  #isEligible(response: FilteredResponse): boolean {
    if (without.includes(response.status)) return false
    if (response.header('content-encoding') !== undefined) return false
    if (response.values('cache-control').some((value) => /no-transform/i.test(value))) return false
    const length = response.header('content-length')
    if (length !== undefined && Number(length) < this.#settings.from) return false
    const [type = ''] = (response.header('content-type') ?? '').toLowerCase().split(';', 1)
    return this.#settings.types.some((each) => isOfType(type.trim(), each))
  }

  /** A compressed body is another representation: its ETag cannot be a strong one of the original (RFC 9110 §8.8.1). */
  #changeHead(response: FilteredResponse, coding: string): void {
    const { edits } = response
    edits.set('Content-Encoding', coding)
    edits.remove('Accept-Ranges')
    const tag = response.header('etag')
    if (tag !== undefined && !tag.startsWith('W/')) edits.set('ETag', `W/${tag}`)
  }
}

function isOfType(type: string, wanted: string): boolean {
  return wanted.endsWith('/*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted
}
