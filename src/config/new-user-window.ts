import { z } from 'zod'
import { durationUpTo } from './field.ts'

const STANDARD = 2000
const LONGEST = 60_000

const expected = 'on, off, or a duration of at most 60s such as 2s'

const Switch = z.codec(z.enum(['on', 'off'], expected), z.custom<number>(), {
  decode: (written) => (written === 'on' ? STANDARD : 0),
  encode: (window) => (window === 0 ? 'off' : 'on'),
})

/** For how long the first requests of a new user belong together, in ms; 0: not at all. */
export const NewUserWindow = z.union([durationUpTo(LONGEST), Switch], expected)
