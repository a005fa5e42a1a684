;; Scores rows of signed bytes against one query. Built by `npx wat2wasm --enable-threads`; see scan.ts.
(module
  (import "limner" "memory" (memory 1 65536 shared))

  ;; query:  `width` int16, at a multiple of 16 bytes; width is a multiple of 32
  ;; rows:   `count` rows of `width` int8
  ;; scales: `count` float32, mask: `count` bytes, 0 = leave out
  ;; scores: `count` float32, written: dot(query, row) * scale * queryScale, or -infinity where masked out
  (func (export "scan")
    (param $query i32) (param $rows i32) (param $scales i32) (param $mask i32) (param $scores i32)
    (param $count i32) (param $width i32) (param $queryScale f32)
    (local $end i32) (local $q i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (block $done
      (loop $row
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $end (i32.add (local.get $rows) (local.get $width)))
        (if (i32.load8_u (local.get $mask))
          (then
            (local.set $q (local.get $query))
            (local.set $a (v128.const i32x4 0 0 0 0))
            (local.set $b (v128.const i32x4 0 0 0 0))
            (local.set $c (v128.const i32x4 0 0 0 0))
            (local.set $d (v128.const i32x4 0 0 0 0))
            (loop $step
              (local.set $a (i32x4.add (local.get $a) (i32x4.dot_i16x8_s
                (v128.load8x8_s (local.get $rows)) (v128.load (local.get $q)))))
              (local.set $b (i32x4.add (local.get $b) (i32x4.dot_i16x8_s
                (v128.load8x8_s offset=8 (local.get $rows)) (v128.load offset=16 (local.get $q)))))
              (local.set $c (i32x4.add (local.get $c) (i32x4.dot_i16x8_s
                (v128.load8x8_s offset=16 (local.get $rows)) (v128.load offset=32 (local.get $q)))))
              (local.set $d (i32x4.add (local.get $d) (i32x4.dot_i16x8_s
                (v128.load8x8_s offset=24 (local.get $rows)) (v128.load offset=48 (local.get $q)))))
              (local.set $q (i32.add (local.get $q) (i32.const 64)))
              (br_if $step (i32.lt_u
                (local.tee $rows (i32.add (local.get $rows) (i32.const 32))) (local.get $end))))
            (local.set $a (i32x4.add
              (i32x4.add (local.get $a) (local.get $b)) (i32x4.add (local.get $c) (local.get $d))))
            (f32.store (local.get $scores)
              (f32.mul (local.get $queryScale) (f32.mul (f32.load (local.get $scales))
                (f32.convert_i32_s (i32.add
                  (i32.add (i32x4.extract_lane 0 (local.get $a)) (i32x4.extract_lane 1 (local.get $a)))
                  (i32.add (i32x4.extract_lane 2 (local.get $a)) (i32x4.extract_lane 3 (local.get $a)))))))))
          (else
            (f32.store (local.get $scores) (f32.const -inf))))
        (local.set $rows (local.get $end))
        (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
        (local.set $scores (i32.add (local.get $scores) (i32.const 4)))
        (local.set $mask (i32.add (local.get $mask) (i32.const 1)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $row)))))
