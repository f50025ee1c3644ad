// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import { z } from 'zod'
import { HeaderNames, HeaderTemplates } from './head-changes.ts'

const Changes = z.strictObject({
  remove: z.exactOptional(HeaderNames).describe('The names of headers that are not passed on.'),
  set: HeaderTemplates.prefault({}).describe(
    'Headers that are passed on with this value, whether or not they were there.',
  ),
  add: HeaderTemplates.prefault({}).describe('Headers that are passed on besides those that are there.'),
  default: HeaderTemplates.prefault({}).describe('Headers that are passed on with this value if they were not there.'),
})

export const HeadersFilter = z
  .strictObject({
    request: Changes.prefault({}).describe('What is changed in the request before a server gets it.'),
    response: Changes.prefault({}).describe('What is changed in the response before the client gets it.'),
  })
  .describe('Sets, adds and removes headers. Values may have variables, such as ${client.address}.')
