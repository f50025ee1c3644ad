/**
 * Formats rows under a heading as text for a terminal, indented by two spaces.
 *
 * @param left the columns that are aligned left; all others are numbers and are aligned right
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
