import { parseArgs } from 'node:util'
import { fuzzForwarded } from './forwarded.ts'
import { fuzzFrames } from './frames.ts'
import { fuzzHttp1 } from './http1.ts'
import { fuzzProxy } from './proxy.ts'

/**
 * Feeds damaged messages to the parsers of HTTP/1 and HTTP/2, and to a running Limpet, for a given time in all. Prints what it
 * found, and exits with code 1, as soon as it finds something.
 */

const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } })
const seconds = Number(values.seconds ?? 30)
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32))
if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error('usage: fuzz [--seconds N] [--seed S]')

/** What is fuzzed, what is counted, and which part of the time it has. */
const parts = [
  ['the parsers of HTTP/1', 'messages', fuzzHttp1, 0.3],
  ['the codec of HTTP/2', 'connections', fuzzFrames, 0.2],
  ['a running Limpet over HTTP/2', 'connections', fuzzProxy, 0.3],
  ['what servers get of HTTP/2', 'connections', fuzzForwarded, 0.2],
] as const

console.log(`fuzzing for ${seconds} s with --seed ${seed}`)
for (const [what, things, fuzz, share] of parts) {
  const started = performance.now()
  const count = await fuzz(seed, seconds * share)
  const elapsed = (performance.now() - started) / 1000
  const rate = Math.round(count / elapsed)
  console.log(`${what}: ${count} ${things} in ${elapsed.toFixed(1)} s, ${rate} a second; nothing found`)
}
