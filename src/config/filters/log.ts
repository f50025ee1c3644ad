import { z } from 'zod'
import { accessLogFields } from '../../runtime/access-log-field.ts'
import { ParameterName } from '../access-log.ts'
import { matching, percentTo, uniqueList, written } from '../field.ts'
import { token } from '../header-fields.ts'

const HeaderName = written(
  matching(token, 'the name of a header'),
  (name) => name.toLowerCase(),
  (name) => name,
)

const Fields = uniqueList(z.enum(accessLogFields))

const Settings = z.strictObject({
  sample: z
    .exactOptional(percentTo(100))
    .describe('The share of the requests that is logged, always of the same ids. 0: none. Default: all.'),
  add: z.exactOptional(Fields).describe('Fields of json besides those of accessLog.'),
  remove: z.exactOptional(Fields).describe('Fields of json that are left out.'),
  headers: z
    .exactOptional(uniqueList(HeaderName))
    .describe('Headers of the request that json has, in its field headers.'),
  redact: z
    .exactOptional(uniqueList(ParameterName))
    .describe('URL parameters whose values are not logged, besides those of accessLog.'),
  redactHeaders: z
    .exactOptional(uniqueList(HeaderName))
    .describe('Headers of the request whose values are not logged: Referer, User-Agent, or one of headers.'),
})

const Off = z.codec(z.literal('off'), z.custom<z.output<typeof Settings>>(), {
  decode: () => ({ sample: 0 }),
  encode: () => 'off' as const,
})

export const LogFilter = z
  .union([Settings, Off], 'off, or settings such as { sample: 10% }')
  .describe('How requests are logged: off, or settings. Several add up; what comes last counts.')
