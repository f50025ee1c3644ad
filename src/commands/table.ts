/**
 * Rows under a heading as text for a terminal, indented by two.
 *
 * @param left the columns whose cells stand at the left; all others are numbers, at the right
 */
export function formatTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  left: readonly string[],
): string {
  const widths = heading.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        left.includes(heading[column]!) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd()
  return [heading, ...rows].map((cells) => `  ${line(cells)}`).join('\n')
}
