import { expect, test } from "vitest";
import { frame, FrameReader } from "../../scripts/remote/frames.ts";

test("frames are the same however the stream is cut", () => {
  const sent = [frame("hello"), frame("out", "é\nout 5\n"), frame("err", Buffer.alloc(3000, 7)), frame("end", "0")];
  const stream = Buffer.concat(sent);
  for (const size of [1, 2, 7, 1000, stream.length]) {
    const reader = new FrameReader();
    const got = Array.from({ length: Math.ceil(stream.length / size) }, (_, index) =>
      reader.push(stream.subarray(index * size, (index + 1) * size)),
    ).flat();
    expect(got.map(({ kind, data }) => frame(kind, data))).toEqual(sent);
  }
});

test.each(["no frame at all, and long", "odd 3\nabc", "out -1\n", "out\n"])(
  "what is no frame is refused: %j",
  (text) => {
    expect(() => new FrameReader().push(Buffer.from(text))).toThrow("is no frame");
  },
);
