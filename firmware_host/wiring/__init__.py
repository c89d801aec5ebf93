"""What a profile says of wires: which signal goes to which pin of the board's header. Nothing here touches hardware."""
