"""Word vectors of a text: train, look at neighbours, save. Usage: python word_vectors.py text.txt.gz king queen"""

import argparse

import hogvec


def main() -> None:
    parser = argparse.ArgumentParser(description="Train word vectors and print the neighbours of some words.")
    parser.add_argument("text", help="words between white space, a sequence on each line; .gz too")
    parser.add_argument("words", nargs="*", help="whose neighbours to print (default: the most frequent words)")
    parser.add_argument("--output", default="vectors.safetensors")
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()

    corpus = hogvec.Corpus.from_file(arguments.text, min_count=arguments.min_count)
    print(corpus)

    trainer = hogvec.Trainer(hogvec.SkipGram(dim=100), hogvec.NegativeSampling())
    vectors = trainer.fit(corpus, epochs=arguments.epochs)
    for report in trainer.history:
        print(f"epoch {report.epoch}: loss {report.loss:.3f}, {report.words_per_second:,.0f} words/s")

    for word in arguments.words or vectors.vocabulary.words[:5]:
        if word in vectors:
            print(word, "->", ", ".join(near.word for near in vectors.most_similar(word, topn=5)))
        else:
            print(word, "is not in the vocabulary")

    vectors.save(arguments.output)
    print("saved", arguments.output)


if __name__ == "__main__":
    main()
