import { z } from 'zod'

/** How the program's own log is written. */
export const ProgramLogSettings = z.strictObject({
  format: z
    .enum(['auto', 'text', 'json'])
    .prefault('auto')
    .describe('text: lines for people. json: one object per line. auto: text in a terminal, else json.'),
})
