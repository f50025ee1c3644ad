/** One section (`##`) of a fixture file. */
export interface Section {
  readonly title: string
  readonly prose: string
  readonly blocks: readonly Block[]
  /** The rows of its table, by the names of the columns. */
  readonly rows: readonly Readonly<Record<string, string>>[]
}

/** A fenced block: `kind`, and what follows the word. */
export interface Block {
  readonly kind: string
  readonly note: string
  readonly text: string
}

/** Calls `read` for each section. @throws Error that names the section */
export function readSections<T>(file: string, markdown: string, read: (section: Section) => readonly T[]): T[] {
  const [, ...sections] = markdown.split(/^## /m)
  return sections.flatMap((text) => {
    try {
      return read(sectionOf(text))
    } catch (error) {
      throw new Error(`${file}, "${text.split('\n')[0]}": ${(error as Error).message}`)
    }
  })
}

function sectionOf(text: string): Section {
  const title = text.slice(0, text.indexOf('\n')).trim()
  const blocks: Block[] = []
  const rest = text.replace(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm, (_, kind: string, note: string, block: string) => {
    blocks.push({ kind, note, text: block })
    return ''
  })
  return { title, prose: rest.replace(/^\|.*$/gm, '').slice(title.length), blocks, rows: tableIn(rest) }
}

/** The only block of a kind; undefined if there is none. */
export function onlyBlock(blocks: readonly Block[], kind: string): Block | undefined {
  const all = blocks.filter((block) => block.kind === kind)
  if (all.length > 1) throw new Error(`more than one ${kind} block`)
  return all[0]
}

/** @throws Error for a block of another kind */
export function expectKinds(blocks: readonly Block[], kinds: readonly string[]): void {
  for (const { kind } of blocks) if (!kinds.includes(kind)) throw new Error(`unknown block ${kind}`)
}

/** The rows of the Markdown tables in a text, by the names of the columns. */
export function tableIn(markdown: string): Record<string, string>[] {
  const [heads, , ...rows] = markdown.split('\n').filter((line) => line.startsWith('|'))
  if (heads === undefined) return []
  const columns = cellsOf(heads)
  return rows.map((line) => {
    const cells = cellsOf(line)
    if (cells.length !== columns.length) throw new Error(`a row has ${cells.length} cells: ${line}`)
    return Object.fromEntries(columns.map((column, index) => [column, cells[index]!]))
  })
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'))
}
