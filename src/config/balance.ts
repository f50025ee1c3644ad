import { z } from 'zod'
import { durationFrom } from './field.ts'
import { HashKeyText, hashKeys } from './hash-key.ts'

const Key = HashKeyText.describe(`What is hashed: ${hashKeys}.`)

const boundedLoad = 'a number from 1.05 to 10'
const shortestDecay = 100

/** The settings of each balancing policy. To add a policy, add an entry. */
const policies = [
  z.strictObject({ type: z.literal('round-robin').describe('In turn, by weight (smooth weighted round robin).') }),
  z.strictObject({ type: z.literal('ip-hash').describe("By the client's address, as nginx's ip_hash does.") }),
  z.strictObject({ type: z.literal('hash').describe("By a key, as nginx's hash does."), key: Key }),
  z.strictObject({
    type: z
      .literal('consistent-hash')
      .describe("By a key on a consistent-hash ring, as nginx's hash … consistent does."),
    key: Key,
    boundedLoad: z
      .exactOptional(z.number(boundedLoad).min(1.05, boundedLoad).max(10, boundedLoad))
      .describe('The maximum of requests in flight on a server, as a multiple of the mean. Default: no maximum.'),
  }),
  z.strictObject({
    type: z.literal('least-connections').describe('The server with the fewest requests in flight, by weight.'),
  }),
  z.strictObject({
    type: z
      .literal('random-two')
      .describe('Picks two servers at random, by weight, and uses the one with fewer requests in flight.'),
  }),
  z.strictObject({
    type: z.literal('least-time').describe('The lowest response time × requests in flight (peak EWMA), by weight.'),
    decay: durationFrom(shortestDecay)
      .prefault('10s')
      .describe('The time after which a measured response time keeps 37% (1/e) of its weight.'),
  }),
] as const

const BalanceSettings = z.discriminatedUnion('type', policies)
const BalanceName = z.codec(
  z.enum(policies.map((policy) => policy.shape.type.value)),
  z.custom<z.output<typeof BalanceSettings>>(),
  { decode: (type) => z.decode(BalanceSettings, { type }), encode: ({ type }) => type },
)
/** An upstream's `balance`: the name of a policy, or its settings. */
export const Balance = z.union([BalanceSettings, BalanceName], 'the name of a policy, or its settings')
