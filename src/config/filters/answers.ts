import { z } from 'zod'
import { matching } from '../field.ts'

type Replacement = readonly [from: string, to: string]

const Text = matching(/^[!-~]*$/, 'visible ASCII characters')
const Beginning = matching(/^[!-~]+$/, 'visible ASCII characters')
const Domain = matching(/^[a-z0-9.-]+$/i, 'a domain')

function replacements(from: z.ZodString, to: z.ZodString | z.ZodUnion<readonly [z.ZodString, z.ZodLiteral<''>]>) {
  return z.codec(z.record(from, to), z.custom<Replacement[]>(), {
    decode: (record) => Object.entries(record).map(([key, value]) => [key, value] as const),
    encode: (list) => Object.fromEntries(list),
  })
}

const Domains = z.codec(replacements(Domain, z.union([Domain, z.literal('')])), z.custom<Replacement[]>(), {
  decode: (list) => list.map(([from, to]) => [from.toLowerCase().replace(/^\./, ''), to] as const),
  encode: (list) => list as Replacement[],
})

export const AnswersFilter = z
  .strictObject({
    location: replacements(Beginning, Text)
      .prefault({})
      .describe('From the beginning of Location to what takes its place: { "http://app:8080/": / }.'),
    cookiePath: replacements(Beginning, Text)
      .prefault({})
      .describe("From the beginning of a cookie's Path to what takes its place: { /: /app/ }."),
    cookieDomain: Domains.prefault({}).describe(
      'From a cookie\'s Domain to another one: { app.internal: www.example.org }; to "" for none.',
    ),
  })
  .describe('Rewrites what servers say of addresses in their answers: Location, and the paths and domains of cookies.')
