/** A directive of an nginx.conf: its name and arguments, and the directives in its block, if it has one. */
export interface Directive {
  readonly name: string
  readonly args: readonly string[]
  readonly block?: readonly Directive[]
  /** A comment at the end of the line. */
  readonly comment?: string | undefined
}

/** `name args;` */
export function directive(name: string, ...args: readonly (string | number)[]): Directive {
  return { name, args: args.map(String) }
}

/** `name args { … }` */
export function block(name: string, args: readonly string[], directives: readonly Directive[]): Directive {
  return { name, args, block: directives }
}

/** Writes directives in nginx's syntax, with an empty line around blocks. */
export function render(directives: readonly Directive[], indent = ''): string {
  return directives
    .map((each, index) => {
      const apart = index > 0 && (each.block !== undefined || directives[index - 1]?.block !== undefined)
      return `${apart ? '\n' : ''}${renderOne(each, indent)}`
    })
    .join('')
}

function renderOne({ name, args, block, comment }: Directive, indent: string): string {
  const words = indent + [name, ...args].map(quoted).join(' ')
  if (block !== undefined) return `${words} {\n${render(block, `${indent}    `)}${indent}}\n`
  return `${words};${comment === undefined ? '' : `  # ${comment}`}\n`
}

/** The word, in quotes if nginx would misread it without them. */
function quoted(word: string): string {
  if (/^[^\s;{}"'\\#]+$/.test(word)) return word
  const quote = word.includes('"') && !word.includes("'") ? "'" : '"'
  return quote + word.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`) + quote
}
