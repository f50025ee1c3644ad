/**
 * Counts the work of this thread: executed blocks of the program's code, by V8's precise coverage, and the characters, bytes
 * and elements passed to native functions, whose loops coverage does not see. Loaded before all other code (`--import`).
 * Answers each message on the port in `workerData.counter` with the work since the last message.
 */
import { Session } from 'node:inspector'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { type MessagePort, workerData } from 'node:worker_threads'

/** The work since the last answer. */
export interface Work {
  /** The number of executed blocks. */
  readonly executed: number
  /** The amount of input to native functions. */
  readonly given: number
}

const program = new URL('../../src/', import.meta.url).href

interface Coverage {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[]
  }[]
}

let given = 0

type Method = (this: never, ...parameters: never[]) => unknown
type Size = (self: never, parameters: unknown[], result: never) => number

/** Makes each call of these methods add its `size` to `given`. */
function count(owner: object, names: readonly PropertyKey[], size: Size): void {
  for (const name of names) {
    const original = Reflect.get(owner, name) as Method
    const counting = function (this: never, ...parameters: never[]) {
      const result = Reflect.apply(original, this, parameters)
      given += size(this, parameters, result as never)
      return result
    }
    Object.defineProperty(owner, name, { value: counting, configurable: true, writable: true })
  }
}

const ofSelf = ({ length }: { length: number }) => length
const ofResult = (_self: unknown, _parameters: unknown, result: { length: number }) => result.length
const ofFirst = (_self: unknown, [first]: unknown[]) =>
  typeof first === 'number' ? first : ((first as { length?: number })?.length ?? 0)
const ofKey = (_self: unknown, [key]: unknown[]) => (typeof key === 'string' ? key.length : 1)
/** The length of a search that starts at the second argument. */
const ofSearch = ({ length }: { length: number }, [, from = 0]: unknown[], found: number) =>
  (found < 0 ? length : found) - (from as number)

const searching = ['toLowerCase', 'trim', 'split', 'includes', 'replace', 'replaceAll', 'match', 'lastIndexOf']
count(String.prototype, searching, ofSelf)
count(String.prototype, ['slice', 'substring'], ofResult)
count(String.prototype, ['indexOf'], ofSearch)
count(RegExp.prototype, ['exec', 'test'], ofFirst)
for (const { prototype } of [Map, Set]) count(prototype, ['has', 'delete'], ofKey)
count(Map.prototype, ['get', 'set'], ofKey)
count(Set.prototype, ['add'], ofKey)
const walking = ['includes', 'indexOf', 'join', 'concat', 'slice', 'sort', 'filter', 'map', 'some', 'every', 'find']
count(Array.prototype, [...walking, 'findIndex', 'flatMap', 'reduce', 'entries', Symbol.iterator], ofSelf)
count(Array, ['from'], ofResult)
count(Object, ['keys', 'entries', 'values'], ofResult)
count(JSON, ['stringify'], ofResult)
count(Date, ['parse'], ofFirst)
count(globalThis, ['decodeURIComponent', 'parseFloat'], ofFirst)
const bytes = Object.getPrototypeOf(Uint8Array.prototype)
count(bytes, ['set'], ofFirst)
count(bytes, ['fill', 'copyWithin', 'slice'], ofSelf)
count(Buffer, ['concat', 'from', 'alloc', 'allocUnsafe', 'allocUnsafeSlow'], ofResult)
count(Buffer.prototype, ['toString'], ofResult)
count(Buffer.prototype, ['write'], ofFirst)
count(Buffer.prototype, ['indexOf', 'includes', 'compare', 'equals'], ofSelf)
count(Buffer.prototype, ['copy'], (_self, _parameters, copied: number) => copied)
const zlib = createRequire(import.meta.url)('node:zlib') as object
count(zlib, ['gunzipSync', 'inflateSync', 'brotliDecompressSync'], ofResult)
syncBuiltinESMExports()

const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })

function executed(): number {
  let sum = 0
  session.post('Profiler.takePreciseCoverage', (_error, coverage) => {
    for (const { url, functions } of (coverage as Coverage).result) {
      if (!url.startsWith(program)) continue
      for (const { ranges } of functions) for (const { count } of ranges) sum += count
    }
  })
  return sum
}

const port = (workerData as { counter: MessagePort }).counter
port.on('message', () => {
  // Taken first, because the following code would count as work too.
  const soFar = given
  const work: Work = { executed: executed(), given: soFar }
  given = 0
  port.postMessage(work)
})
port.unref()
