import { InvalidValue } from '../../../../config/error.ts'
import { usualTypes } from '../../../../config/filters/compress.ts'
import { formatSize } from '../../../../config/size.ts'
import { parseGoDuration, parseList, parseSwitch, parseWhole } from '../values.ts'
import { type Effect, filtering } from './effect.ts'
import type { Options } from './options.ts'

/** How much of a body Traefik keeps in memory by itself, in bytes. */
const IN_MEMORY = 1_048_576

export function buffering(options: Options): Effect {
  const bodyLimit = options.read('maxrequestbodybytes', parseBytes)
  const ofRequest = options.read('memrequestbodybytes', parseBytes) ?? IN_MEMORY
  const ofResponse = options.read('memresponsebodybytes', parseBytes) ?? IN_MEMORY
  const memory = bodyLimit === undefined ? ofRequest : Math.min(bodyLimit, ofRequest)
  const disk = bodyLimit === undefined ? {} : { disk: sizeText(bodyLimit - memory) }
  return {
    ...filtering(
      { bufferRequest: { memory: sizeText(memory), ...disk } },
      { bufferResponse: { memory: sizeText(ofResponse) } },
    ),
    ...(bodyLimit !== undefined && { bodyLimit }),
  }
}

/** Undefined for no limit. */
function parseBytes(text: string): number | undefined {
  if (text === '-1' || text === '0') return undefined
  const bytes = Number(text)
  if (!/^\d{1,12}$/.test(text)) throw new InvalidValue('a number of bytes')
  return bytes
}

function sizeText(bytes: number): string {
  return bytes === 0 ? '0B' : formatSize(bytes)
}

/** The types of texts, where not all of them are compressed. */
const textTypes = ['text/html', 'text/css', 'text/plain', 'text/javascript', 'text/xml', 'text/csv', 'text/markdown']

export function compress(options: Options): Effect {
  if (options.read('', parseSwitch) === false) return filtering()
  const included = options.list('includedcontenttypes').map(mediaType)
  const excluded = options.list('excludedcontenttypes').map(mediaType)
  const types = included.length > 0 ? included : excluded.length > 0 ? typesWithout(excluded) : undefined
  const codings = options.read('encodings', parseList)
  const from = options.read('minresponsebodybytes', (text) => parseWhole(text, 0, 1_000_000_000))
  const compress = {
    ...(codings !== undefined && { codings }),
    ...(types !== undefined && { types }),
    ...(from !== undefined && { from: sizeText(from) }),
  }
  return filtering({ compress })
}

/** Without parameters, which do not count. */
function mediaType(text: string): string {
  return text.replace(/;.*$/, '').trim().toLowerCase()
}

function typesWithout(excluded: readonly string[]): string[] {
  return usualTypes
    .flatMap((type) => (type === 'text/*' && excluded.some((each) => each.startsWith('text/')) ? textTypes : type))
    .filter((type) => !excluded.includes(type))
}

/** The tries are those of Limpet: only what no server has seen, or may be repeated. */
export function retry(options: Options): Effect {
  const tries = options.required('attempts', (text) => parseWhole(text, 1, 1000))
  const timeout = options.read('timeout', parseGoDuration)
  const within = timeout === undefined || timeout === '0' || timeout === '0s' ? {} : { within: timeout }
  return { filters: [], retries: { tries, ...within }, unused: [] }
}
