import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Results } from '../results.ts'
import { charts } from './charts.ts'
import { report, summaryTable, targetTable } from './markdown.ts'

/** Pages with blocks that the bench writes: between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`. */
const pages = ['README.md', 'docs/performance.md'].map((page) =>
  fileURLToPath(new URL(`../../${page}`, import.meta.url)),
)

/** Writes README.md, summary.md, targets.md and the charts to the folder of the results. */
export async function writeReport(folder: string, results: Results): Promise<void> {
  const files = new Map([['README.md', report(results)], ...blocksOf(results), ...charts(results)])
  for (const [name, text] of files) await writeFile(join(folder, name), text)
}

/** Updates the bench's blocks in the pages that have them. Resolves to the changed pages. */
export async function renewPages(results: Results): Promise<string[]> {
  const changed: string[] = []
  for (const page of pages) {
    const before = await readFile(page, 'utf8').catch(() => '')
    const after = renewBlocks(before, blocksOf(results))
    if (after === before) continue
    await writeFile(page, after)
    changed.push(page)
  }
  return changed
}

/** A page with updated blocks: `summary.md` replaces the block `summary`. */
export function renewBlocks(page: string, blocks: ReadonlyMap<string, string>): string {
  return page.replaceAll(
    /(<!-- bench:([\w-]+) -->\n).*?(<!-- \/bench:\2 -->)/gs,
    (whole, start: string, name: string, end: string) => {
      const block = blocks.get(`${name}.md`)
      return block === undefined ? whole : `${start}\n${block}\n${end}`
    },
  )
}

function blocksOf(results: Results): Map<string, string> {
  const { small } = results.cases
  const measuredBy = Object.values(results.cases).map(
    ({ command, measuredAt }) => `${command}  # ${measuredAt.slice(0, 10)}`,
  )
  const { processor, cores, node } = results.machine
  const where = `Measured on ${cores} cores of ${processor} with Node.js ${node} by\n\n\`\`\`sh\n${[...new Set(measuredBy)].join('\n')}\n\`\`\`\n`
  return new Map([
    ['targets.md', `${targetTable(results)}\n\n${where}`],
    ...(small === undefined ? [] : [['summary.md', `${summaryTable(small)}\n`] as const]),
  ])
}
