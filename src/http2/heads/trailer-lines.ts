import { type Field, FieldKind } from '../hpack/field.ts'
import { FieldLines } from './field-lines.ts'

/** Makes the lines of a trailer section of a field block (RFC 9113 §8.1): a head without a first line. */
export class TrailerLines extends FieldLines {
  protected override special(field: Field): void {
    if (field.kind >= FieldKind.Cookie) this.addLine(field)
    else this.fault = 'trailers have a pseudo-field'
  }

  protected override beginFields(): void {}
}
