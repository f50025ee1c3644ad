/** What a text is, from which its colour follows. */
export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'quiet' | 'strong' | 'selected'

const CODES: Readonly<Record<Exclude<Tone, 'plain'>, string>> = {
  good: '32',
  warn: '33',
  bad: '31',
  quiet: '2',
  strong: '1',
  selected: '7',
}

export type Paint = (tone: Tone, text: string) => string

export const paintNothing: Paint = (_, text) => text

/** By the codes that every terminal knows (ECMA-48, SGR), in its own colours. */
export const paint: Paint = (tone, text) => (tone === 'plain' ? text : `\u001B[${CODES[tone]}m${text}\u001B[0m`)
