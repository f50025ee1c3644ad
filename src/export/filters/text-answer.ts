import type { Problem } from '../../config/error.ts'
import { block, type Directive, directive } from '../directive.ts'
import { when } from '../refusal.ts'

/** What an answer says, in the configuration or in a file. */
interface Text {
  readonly body?: string
  readonly file?: string
}

/** In bytes: nginx reads words of at most 4,096, with their escapes. */
const LONGEST = 2000

/** An answer with that text. Without the empty list of types, the type would be that of the path's extension. */
export function textAnswer(status: number, type: string, { body = '' }: Text): Directive[] {
  return [block('types', [], []), directive('default_type', type), directive('return', status, body)]
}

/** Refuses what `return` cannot answer. */
export function inexpressibleText({ body = '', file }: Text, path: string): Problem[] {
  return [
    ...when(file !== undefined, `${path}.file`, 'the export copies no files', 'write its text as body'),
    ...when(
      body.includes('$') || Buffer.byteLength(body) > LONGEST,
      `${path}.body`,
      'nginx has no $ in a text, and no long ones',
      `write a body of at most ${LONGEST} bytes without $`,
    ),
  ]
}
