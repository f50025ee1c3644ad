// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are those of a configuration file
import { z } from 'zod'
import { matching, oneOrMore, text } from '../field.ts'
import { checkedPattern } from './pattern.ts'
import { TemplateText } from './template.ts'

const Prefix = matching(/^(?:\/[^/?#*\s]+)+$/, 'a path without a slash at its end, such as /app')

const Fields = z.strictObject({
  strip: z
    .exactOptional(oneOrMore(Prefix, 'a prefix'))
    .describe(
      'A prefix that is taken away; of a list, the first one that the path has. The server is told by X-Forwarded-Prefix.',
    ),
  add: z.exactOptional(Prefix).describe('A prefix that is put before the path.'),
  set: z.exactOptional(TemplateText).describe('Another path, such as /rooms/${route.room}.'),
  pattern: z
    .exactOptional(text(checkedPattern, 'a regular expression'))
    .describe('A regular expression. What it matches in the path becomes `to`.'),
  to: z
    .exactOptional(matching(/^[!-~]*$/, 'visible ASCII characters'))
    .describe('What takes the place of what the pattern matches: $1 is its first group.'),
})

/** The keys of which one is set. */
const ways = ['strip', 'add', 'set', 'pattern'] as const

export const PathFilter = Fields.check(({ value, issues }) => {
  const wrong = (message: string, hint: string) =>
    issues.push({ code: 'custom', message, params: { hint }, input: value })
  if (ways.filter((way) => value[way] !== undefined).length !== 1)
    wrong('one of strip, add, set and pattern', 'write further ones as filters of their own, since their order counts')
  else if ((value.pattern === undefined) !== (value.to === undefined))
    wrong('pattern and to together', 'to says what takes the place of what the pattern matches')
  else if (value.set?.[0] !== undefined && typeof value.set[0] === 'string' && !value.set[0].startsWith('/'))
    wrong('a path that begins with / in set', 'begin it with /')
}).describe('Changes the path that the server gets.')
